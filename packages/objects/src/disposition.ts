/** Both spellings of RFC 6266: plain ASCII for old clients, UTF-8 for the rest. */
export function disposition(filename: string | undefined): string {
  if (filename === undefined) return 'attachment';
  const ascii = filename.replace(/[^\x20-\x7e]|["\\%;]/g, '_');
  const utf8 = encodeURIComponent(filename.toWellFormed()).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${utf8}`;
}
