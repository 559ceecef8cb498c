export default defineAppConfig({
  leadMagnet: {
    name: 'Light & Shutter',
    contact: 'bonjour@light-and-shutter.example',
    home: { fr: '/', en: '/en' },
  },
  // Of the pages under /admin; `earth` is in assets/admin.css.
  ui: {
    colors: { primary: 'earth', neutral: 'stone' },
    // A long title ends before the button that closes.
    modal: { slots: { header: 'pe-12 sm:pe-14' } },
    // Its own is too pale to be read.
    button: { compoundVariants: [{ color: 'primary', variant: 'solid', class: 'hover:bg-primary/90 active:bg-primary/90' }] },
  },
})
