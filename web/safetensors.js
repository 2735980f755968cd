// A PEFT adapter's file, read in the page: how much each pair of matrices adds to its weight.

/** The file's tensors: name → `{ shape, values }`, values a function that reads them as Float32Array. */
export function tensors(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const found = new Map();
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [first, last],
    },
  ] of Object.entries(header).filter(([n]) => n !== "__metadata__")) {
    found.set(name, { shape, values: () => numbers(dtype, buffer.slice(8 + length + first, 8 + length + last)) });
  }
  return found;
}

function numbers(dtype, buffer) {
  if (dtype === "F32") return new Float32Array(buffer);
  const halves = new Uint16Array(buffer);
  // A BF16 is the upper half of an F32.
  if (dtype === "BF16") return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
  if (dtype === "F16") return Float32Array.from(halves, half);
  throw new Error(`weights in ${dtype} are not shown`);
}

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 0) return sign * 2 ** -14 * fraction;
  return exponent === 31 ? NaN : sign * 2 ** (exponent - 15) * (1 + fraction);
}

/**
 * Frobenius norms of s·B·A by layer and module: `[{ layer, module, norm }]`.
 *
 * B·A (O × I) is not multiplied out: ‖BA‖² = Σᵢⱼ (BᵀB)ᵢⱼ (AAᵀ)ᵢⱼ, over R × R numbers.
 */
export function updateNorms(buffer, config) {
  const all = tensors(buffer);
  const norms = [];
  for (const [name, a] of all) {
    const parts = name.match(/layers\.(\d+)\..*?(\w+)\.lora_A\.weight$/);
    const b = all.get(name.replace("lora_A", "lora_B"));
    if (!parts || !b) continue;
    const [rank, inputs] = a.shape;
    const outputs = b.shape[0];
    const aa = gram(a.values(), rank, inputs, inputs, 1);
    const bb = gram(b.values(), rank, outputs, 1, rank);
    const squared = aa.reduce((sum, value, at) => sum + value * bb[at], 0);
    const scale = scaleOf(config, name.replace(/^base_model\.model\./, "").replace(".lora_A.weight", ""), rank);
    norms.push({ layer: Number(parts[1]), module: parts[2], norm: scale * Math.sqrt(Math.max(0, squared)) });
  }
  return norms;
}

/** Dot products of `rank` vectors with `length` numbers; `next` and `step` lie between vectors and between numbers. */
function gram(values, rank, length, next, step) {
  const products = new Float64Array(rank * rank);
  for (let i = 0; i < rank; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = 0;
      for (let k = 0; k < length; k += 1) sum += values[i * next + k * step] * values[j * next + k * step];
      products[i * rank + j] = sum;
      products[j * rank + i] = sum;
    }
  }
  return products;
}

function scaleOf(config, module, rank) {
  const pattern = Object.entries(config.alpha_pattern ?? {}).find(
    ([end]) => module === end || module.endsWith(`.${end}`),
  );
  const alpha = pattern ? pattern[1] : config.lora_alpha;
  return alpha / (config.use_rslora ? Math.sqrt(rank) : rank);
}
