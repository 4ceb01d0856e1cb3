/** The launcher and the README of the pack. */

export const archiveName = "hone-gpu.tar.gz";

/** A POSIX shell script; it needs sh, gzip, tar and the C library. `version` separates the unpacked files of two packs. */
export const launcher = (version: string) => `#!/bin/sh
# Unpacks Node and the program once, then runs every check on this machine's GPU. Arguments: --quick, --only, --json FILE.
set -e
here=$(cd "$(dirname "$0")" && pwd)
work=\${HONE_GPU_DIR:-\${TMPDIR:-/tmp}/hone-gpu-${version}}
if [ ! -f "$work/complete" ]; then
  mkdir -p "$work"
  gzip -dc "$here/${archiveName}" | tar -xf - -C "$work"
  : > "$work/complete"
fi
# A library of the system comes first; the pack has those that a bare system may lack.
mkdir -p "$work/used"
for name in libvulkan.so.1 libstdc++.so.6 libgcc_s.so.1; do
  rm -f "$work/used/$name"
  for place in /usr/lib/x86_64-linux-gnu /lib/x86_64-linux-gnu /usr/lib64 /lib64 /usr/lib; do
    if [ -e "$place/$name" ]; then continue 2; fi
  done
  if [ -e "$work/lib/$name" ]; then cp "$work/lib/$name" "$work/used/$name"; fi
done
LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$work/used"
export LD_LIBRARY_PATH
exec "$work/node" "$work/scripts/gpu.mjs" "$@"
`;

/** `unpacked` is the size on disk, with its unit. */
export const readme = (unpacked: string) => `# Hone on a real GPU

\`./hone-gpu [--quick] [--only PART,PART] [--json FILE]\` runs every check of Hone that wants a real GPU, in under eight minutes:
numbers beside PyTorch and beside the processor, speed beside jax-js and TensorFlow.js, memory, Seedling's demo, steps of a
135M and a 0.6B model with weights from a seed. It exits with 1 if a check fails.

It needs x86-64 Linux with glibc, \`sh\`, \`tar\` and \`gzip\`, and a Vulkan driver; nothing is installed and nothing is loaded over
a network. It unpacks ${unpacked} into \`$TMPDIR\`, or into the folder in \`HONE_GPU_DIR\`.

Where it says that there is no Vulkan driver: set \`VK_ICD_FILENAMES\` to the driver's \`…_icd.json\`. An NVIDIA GPU in a container
needs the capability \`graphics\` (\`NVIDIA_DRIVER_CAPABILITIES=all\`).
`;
