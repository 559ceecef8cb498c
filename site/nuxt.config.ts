const closed = { 'cache-control': 'no-store', 'x-robots-tag': 'noindex, nofollow' }

// Those of @nuxt/ui's own components; the pages' are found by themselves.
const adminIcons = ['check', 'chevron-down', 'chevron-left', 'chevron-right', 'loader-circle', 'minus', 'x']
  .map(name => `lucide:${name}`)

export default defineNuxtConfig({
  compatibilityDate: '2026-11-01',
  modules: ['@nuxt/ui', 'nuxt-auth-utils'],
  // layers/lead-magnet is one of this app's layers by its place.
  openFetch: { clients: { leadMagnetApi: { schema: '../openapi.yaml' } } },
  // The pages under /admin: who is signed in stands in a sealed cookie, which only /api is sent.
  auth: { loadStrategy: 'none' },
  runtimeConfig: {
    session: {
      name: 'admin',
      password: '', // NUXT_SESSION_PASSWORD, read when the server starts
      maxAge: 12 * 60 * 60,
      cookie: { path: '/api', sameSite: 'strict' },
    },
  },
  ui: { colorMode: false, fonts: false },
  // Icons come with the page, none from elsewhere.
  icon: {
    provider: 'none',
    fallbackToApi: false,
    clientBundle: { scan: { globInclude: ['app/**/*.{vue,ts}'], globExclude: [] }, icons: adminIcons },
  },
  hooks: {
    // What @nuxt/ui would run on every page runs where it is used, in app/pages/admin.vue.
    'app:resolve'(app) {
      app.plugins = app.plugins.filter(({ src }) => !/@nuxt\/(ui|icon)\//.test(src))
    },
  },
  routeRules: {
    '/admin/**': { ssr: false, headers: closed },
    '/api/admin/**': { headers: closed },
    '/api/_auth/**': { headers: closed },
    '/**': {
      headers: {
        'content-security-policy': [
          "default-src 'self'",
          // By their hashes: the scripts in a page, as server/plugins/contentSecurityPolicy.ts adds them, and
          // the one by which @nuxt/ui removes its first colours. It and Nuxt write styles into the page, too.
          "script-src 'self' 'sha256-tYCcUbFfjZ9QESuTWESGWrFg2SmiEdyD2MYUfRWUgK0='",
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
      meta: [
        { name: 'color-scheme', content: 'light dark' },
        { name: 'referrer', content: 'no-referrer' },
        { name: 'theme-color', content: '#f3eee7', media: '(prefers-color-scheme: light)' },
        { name: 'theme-color', content: '#171512', media: '(prefers-color-scheme: dark)' },
      ],
      link: [{ rel: 'icon', type: 'image/svg+xml', href: '/favicon.svg' }],
    },
  },
  experimental: { appManifest: false },
  telemetry: false,
  devtools: { enabled: false },
})
