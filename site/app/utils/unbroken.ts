/** French as it is printed: no line begins with a sign that stands alone, or with half of "e-mail". */
export const unbroken = (text: string) => text
  .replace(/(?<=«) | (?=[:;?!»%](?!\S))/g, '\u00a0')
  .replace(/\b(e)-(?=mail)/gi, '$1\u2011')
