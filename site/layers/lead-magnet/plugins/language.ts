// The API's sentences are in the page's language, whatever the browser asks for.
export default defineNuxtPlugin((nuxtApp) => {
  const locale = useLeadMagnetLocale()
  nuxtApp.hook('openFetch:onRequest:leadMagnetApi', ({ options }) => {
    options.headers.set('Accept-Language', locale.value)
  })
})
