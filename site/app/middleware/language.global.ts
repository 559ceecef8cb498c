// Before the page is made, so that all around it speaks its language as well.
export default defineNuxtRouteMiddleware((to) => {
  const spoken = localeOf(to.path) ?? (to.matched.length ? undefined : askedLocale(to.query))
  if (spoken) useLeadMagnetLocale().value = spoken
})
