/** Send a file as a body, telling which part has gone; fetch() cannot. Rejects as `$fetch` does. */
export function uploadFile(url: string, file: File, onSent: (part: number) => void) {
  return new Promise<{ fileId: string }>((resolve, reject) => {
    const call = new XMLHttpRequest()
    call.open('POST', url)
    call.responseType = 'json'
    call.setRequestHeader('Content-Type', 'application/pdf')
    call.upload.onprogress = ({ loaded, total }) => onSent(loaded / total)
    call.onload = () => call.status < 300 ? resolve(call.response) : reject({ data: call.response })
    call.onerror = () => reject({})
    call.send(file)
  })
}
