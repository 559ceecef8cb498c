export default defineNuxtConfig({
  compatibilityDate: '2026-11-01',
  // layers/lead-magnet is one of this app's layers by its place.
  openFetch: { clients: { leadMagnetApi: { schema: '../openapi.yaml' } } },
  routeRules: {
    '/**': {
      headers: {
        'content-security-policy': [
          "default-src 'self'",
          // Nuxt puts its configuration and the page's styles into the page.
          "script-src 'self' 'unsafe-inline'",
          "style-src 'self' 'unsafe-inline'",
          "img-src 'self' data:",
          "object-src 'none'",
          "base-uri 'none'",
          "form-action 'self'",
          "frame-ancestors 'none'",
        ].join('; '),
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
      },
    },
  },
  app: {
    head: {
      htmlAttrs: { lang: 'fr' },
      meta: [
        { name: 'color-scheme', content: 'light dark' },
        { name: 'referrer', content: 'no-referrer' },
        { name: 'theme-color', content: '#f3eee7', media: '(prefers-color-scheme: light)' },
        { name: 'theme-color', content: '#171512', media: '(prefers-color-scheme: dark)' },
      ],
      link: [{ rel: 'icon', type: 'image/svg+xml', href: '/favicon.svg' }],
    },
  },
  css: ['~/assets/site.css'],
  experimental: { appManifest: false },
  telemetry: false,
  devtools: { enabled: false },
})
