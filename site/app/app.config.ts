export default defineAppConfig({
  leadMagnet: {
    name: 'Light & Shutter',
    contact: 'bonjour@light-and-shutter.example',
  },
})
