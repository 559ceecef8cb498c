export default defineAppConfig({
  leadMagnet: {
    name: 'Light & Shutter',
    contact: 'bonjour@light-and-shutter.example',
    home: { fr: '/', en: '/en' },
  },
  // Of the pages under /admin; `earth` is in assets/admin.css.
  ui: { colors: { primary: 'earth', neutral: 'stone' } },
})
