// A client that nobody here wrote: tuf-js walks a site and downloads targets.
// usage: node client.mjs TUF_JS_ENTRY SITE_URL ROOT_FILE FOLDER TARGET…
import { createRequire } from "node:module";
import { copyFileSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";

const [entry, site, root, folder, ...targets] = process.argv.slice(2);
const { Updater } = createRequire(import.meta.url)(entry);

const metadataDir = join(folder, "metadata");
const targetDir = join(folder, "targets");
mkdirSync(metadataDir, { recursive: true });
mkdirSync(targetDir, { recursive: true });
copyFileSync(root, join(metadataDir, "root.json"));

const updater = new Updater({
  metadataBaseUrl: `${site}/metadata`,
  metadataDir,
  targetBaseUrl: `${site}/targets`,
  targetDir,
});
await updater.refresh();
for (const path of targets) {
  const info = await updater.getTargetInfo(path);
  if (!info) throw new Error(`no target ${path}`);
  const place = join(targetDir, basename(path));
  await updater.downloadTarget(info, place);
  console.log(JSON.stringify({ path, length: info.length, sha256: info.hashes.sha256 }));
}
