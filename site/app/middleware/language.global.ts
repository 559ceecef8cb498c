// Before the page is made, so that all around it speaks its language as well.
export default defineNuxtRouteMiddleware((to) => {
  const spoken = localeOf(to.path) ?? LOCALES.find(locale => locale === to.query.lang)
  if (spoken) useLeadMagnetLocale().value = spoken
})
