export default defineAppConfig({
  leadMagnet: {
    /** Stands in the pages' titles. */
    name: '',
    /** Whom a person can write to when a page cannot help them; without it, no page offers that. */
    contact: '',
    /** `fr` or `en`: what is spoken where no mail's link says otherwise. */
    locale: 'fr',
    /** Where the guide is asked for, in each language. */
    home: { fr: '/', en: '/' },
  },
})
