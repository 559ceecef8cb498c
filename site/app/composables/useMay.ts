/** Whether the role of who is signed in allows something: `may('subscribers:erase')`. The API decides. */
export function useMay() {
  const { user } = useUserSession()
  return (needed: string) => user.value?.permissions.includes(needed) ?? false
}
