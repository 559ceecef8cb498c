export default defineNitroPlugin(() => {
  sessionHooks.hook('clear', (_, event) => rememberSignOut(event))
  sessionHooks.hook('fetch', async ({ id }) => {
    if (await hasSignedOut(id)) throw createError({ status: 401 })
  })
})
