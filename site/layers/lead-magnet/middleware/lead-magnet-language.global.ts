// Before a page that a mail leads to is made, so that all around it speaks its language as well.
export default defineNuxtRouteMiddleware((to) => {
  const asked = to.path.startsWith('/lead-magnet/') && askedLocale(to.query)
  if (asked) useLeadMagnetLocale().value = asked
})
