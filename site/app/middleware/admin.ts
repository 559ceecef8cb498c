// Who is not signed in sees nothing of /admin but the sign-in.
export default defineNuxtRouteMiddleware(async (to) => {
  const { ready, loggedIn, fetch } = useUserSession()
  if (!ready.value) await fetch()
  const signIn = to.path === '/admin/connexion'
  if (!loggedIn.value && !signIn) return navigateTo('/admin/connexion')
  if (loggedIn.value && signIn) return navigateTo('/admin')
})
