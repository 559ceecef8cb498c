-- A cell of a CSV that people open in a spreadsheet. A visitor writes some of them: none may become
-- a formula (OWASP, "CSV Injection"), nor what a spreadsheet makes one of when it drops spaces and
-- invisible characters or takes a full-width sign for an ASCII one. They are listed here, because
-- what a class of characters holds depends on the locale of the database.
CREATE OR REPLACE FUNCTION lm_cell(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '"' || CASE WHEN value ~ (
        '^([\t\r\n]|[\u0001-\u0020\u007F-\u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5'
        || '\u180B-\u180F\u2000-\u200F\u2028-\u202F\u205F-\u206F\u2800\u3000\u3164'
        || '\uFE00-\uFE0F\uFEFF\uFFA0\uFFF9-\uFFFB]*'
        || '[=+@\uFF1D\uFF0B\uFF0D\uFF20\uFE62\uFE63\uFE66\uFE6B-])'
    ) THEN '''' ELSE '' END || replace(coalesce(value, ''), '"', '""') || '"';
