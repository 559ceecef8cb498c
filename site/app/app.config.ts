export default defineAppConfig({
  leadMagnet: {
    name: 'Light & Shutter',
    contact: 'bonjour@light-and-shutter.example',
    home: { fr: '/', en: '/en' },
  },
  // Of the pages under /admin; `earth` is in assets/admin.css.
  ui: {
    colors: { primary: 'earth', neutral: 'stone' },
    // Its own is too pale to be read.
    button: { compoundVariants: [{ color: 'primary', variant: 'solid', class: 'hover:bg-primary/90 active:bg-primary/90' }] },
  },
})
