export default defineNuxtConfig({
  modules: ['nuxt-open-fetch'],
  openFetch: {
    clients: {
      leadMagnetApi: {
        // Comes into the package when it is packed.
        schema: './openapi.yaml',
        baseURL: '/',
      },
    },
    disableNitroPlugin: true,
  },
  runtimeConfig: {
    // NUXT_LEAD_MAGNET_API_ORIGIN, read when the server starts: one build serves every environment.
    leadMagnet: { apiOrigin: 'http://127.0.0.1:8000' },
  },
  routeRules: {
    // The pages that the mails link to: their addresses carry tokens.
    '/lead-magnet/**': {
      headers: {
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'x-robots-tag': 'noindex, nofollow',
      },
    },
  },
})
