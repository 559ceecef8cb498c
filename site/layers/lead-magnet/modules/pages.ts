// `leadMagnet: { pages: false }` in nuxt.config.ts: an app that has its own.
import { createResolver, defineNuxtModule, extendPages } from 'nuxt/kit'

export default defineNuxtModule<{ pages: boolean }>({
  meta: { name: 'lead-magnet', configKey: 'leadMagnet' },
  defaults: { pages: true },
  setup(options) {
    const ours = createResolver(import.meta.url).resolve('../pages')
    if (!options.pages) extendPages((pages) => { pages.splice(0, pages.length, ...pages.filter(page => !page.file?.startsWith(ours))) })
  },
})
