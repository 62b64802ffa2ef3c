#!/usr/bin/env bash
# What ./train writes a stranger reads: fifteen lines of NumPy load its model and compute what ./train predict prints;
# and what NumPy writes ./train eval loads.
set -u
. "$(dirname "$0")/../train/checks.sh"

python=''
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -c 'import numpy' 2>/dev/null; then python=$candidate && break; fi
done
if [ -z "$python" ]; then
  skip 'NumPy reads model.safetensors' 'there is no python3 with numpy'
  finish
fi

cat >safetensors.py <<'END'
import json, numpy

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8"}

def load(path):
    data = open(path, "rb").read()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = numpy.frombuffer(data[start + begin:start + end], TYPES[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    return metadata, tensors

def save(path, tensors):
    header, data = {}, b""
    for name, values in sorted(tensors.items()):
        dtype = next(key for key, code in TYPES.items() if values.dtype == code)
        end = len(data) + values.nbytes
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [len(data), end]}
        data += values.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    open(path, "wb").write(len(text).to_bytes(8, "little") + text + data)
END

make_mnist small
"$train" mnist --data small --batch 20 --epochs 3 --quiet --out run >out.txt 2>err.txt || fail 'the run' "$(cat err.txt)"
for i in 0 1 2 3; do
  { printf 'P5 28 28 255\n' && tail -c +$((17 + 784 * i)) small/mnist/t10k-images-idx3-ubyte | head -c 784; } >"$i.pgm"
done
"$train" predict run/model.safetensors 0.pgm 1.pgm 2.pgm 3.pgm >predicted.txt 2>err.txt || fail 'predict' "$(cat err.txt)"

cat >read.py <<'END'
import numpy, safetensors

metadata, tensors = safetensors.load("run/model.safetensors")
shapes = {name: values.shape for name, values in tensors.items()}
expected = {"fc1.weight": (200, 784), "fc1.bias": (200,), "fc2.weight": (200, 200), "fc2.bias": (200,),
            "fc3.weight": (10, 200), "fc3.bias": (10,)}
assert shapes == expected, shapes
assert metadata["format"] == "pt" and metadata["dataset"] == "mnist" and metadata["model"] == "mlp", metadata

lines = open("predicted.txt").read().splitlines()
assert len(lines) == 44, lines
largest = 0
for image in range(4):
    pixels = numpy.frombuffer(open(f"{image}.pgm", "rb").read()[-784:], numpy.uint8)
    x = pixels * float(metadata["normalization_scale"]) + float(metadata["normalization_shift"])
    for layer in ("fc1", "fc2"):
        x = numpy.maximum(tensors[layer + ".weight"] @ x + tensors[layer + ".bias"], 0)
    z = tensors["fc3.weight"] @ x + tensors["fc3.bias"]
    p = numpy.exp(z - z.max())
    p /= p.sum()
    assert lines[11 * image] == f"{image}.pgm: {p.argmax()}", lines[11 * image]
    for line in lines[11 * image + 1:11 * image + 11]:
        probability, label = line.split()
        difference = abs(float(probability) - p[int(label)])
        assert difference < 1e-4, (image, line, p)
        largest = max(largest, difference)
print("largest difference", largest)
END
check 'NumPy reads names and shapes, and computes what ./train predict prints' "$python" read.py

cat >write.py <<'END'
import numpy, safetensors

_, tensors = safetensors.load("run/model.safetensors")
safetensors.save("f32.safetensors", tensors)
safetensors.save("f64.safetensors", {name: values.astype("<f8") for name, values in tensors.items()})
halves = {name: values.astype("<f2") for name, values in tensors.items()}
safetensors.save("f16.safetensors", halves)
safetensors.save("rounded.safetensors", {name: values.astype("<f4") for name, values in halves.items()})
safetensors.save("other.safetensors", dict(tensors, **{"fc3.bias": numpy.zeros(10, "<i8")}))
tensors["fc2.weight"] = tensors["fc2.weight"].copy()
tensors["fc2.weight"][1, 3] = numpy.nan
safetensors.save("nan.safetensors", tensors)
END
check 'NumPy writes models' "$python" write.py
# Its files do not tell the normalization, so that all are looked at without it.
evaluated() { "$train" eval "$1" --data small 2>err.txt | sed 1d; }
evaluated f32.safetensors >f32.txt
check './train eval loads what NumPy wrote' grep -q '^  test set  *50 ' f32.txt
"$train" eval run/model.safetensors --data small 2>err.txt | sed 1d >known.txt
check 'and finds what it finds in its own file' cmp f32.txt known.txt
evaluated f64.safetensors >f64.txt
check 'the same in double' cmp f32.txt f64.txt
evaluated f16.safetensors >f16.txt
evaluated rounded.safetensors >rounded.txt
check 'halves are the numbers that NumPy has for them' test -s f16.txt -a "$(cat f16.txt)" = "$(cat rounded.txt)"
"$train" eval other.safetensors --data small >out.txt 2>err.txt
check 'integers are refused' grep -q 'other.safetensors: tensor "fc3.bias" is of type I64, expected F32, F64, F16 or BF16' err.txt
"$train" eval nan.safetensors --data small >out.txt 2>err.txt
check 'so is what is not a number, with its place' grep -q 'nan.safetensors: tensor "fc2.weight" has nan for value number 203, expected' err.txt
finish
