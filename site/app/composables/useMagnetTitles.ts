/** The French titles of all magnets by their slugs, retired ones included. */
export function useMagnetTitles() {
  const { data } = useLeadMagnetApi('/api/admin/lead-magnet/magnets')
  return computed(() => new Map(data.value?.items.map(({ slug, title }) => [slug, title.fr ?? slug])))
}
