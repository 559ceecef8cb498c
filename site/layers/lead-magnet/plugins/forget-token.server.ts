// Nuxt writes the request's address into the page's payload; a token has no business there.
export default defineNuxtPlugin((nuxtApp) => {
  nuxtApp.payload.path = nuxtApp.payload.path?.split('?')[0]
})
