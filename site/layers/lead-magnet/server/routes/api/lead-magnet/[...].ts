// The browser calls its own site, so there is no CORS; this hands the call to the API.
export default defineEventHandler(event => passToApi(event, '/api/lead-magnet/'))
