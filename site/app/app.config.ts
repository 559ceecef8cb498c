export default defineAppConfig({
  // Where a person writes to when a page cannot help them.
  contact: 'bonjour@light-and-shutter.example',
})
