# Reads the disassembly of an object file (objdump -d -C --no-show-raw-insn, x86-64 or AArch64) and looks at the
# innermost loops with fused multiply-adds of functions that have `tile` in their name: do vectors come from the stack
# there, or is a function called? Prints each such instruction, and a last line "LOOPS loops, SPILLS spills". (An
# accumulator that does not fit comes back in each turn; a store alone is none, nor is a pointer that GCC keeps in a
# vector register. One vector in 50 products or more is none either: GCC reuses registers across the five taps of an
# unrolled loop and may be left with one at the end. Kept from that, it makes the tile 2 % slower.)

function hex(text,    value, i) {
  value = 0
  for (i = 1; i <= length(text); ++i) value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
  return value
}

# Whether instruction i loads a vector from the stack, or computes with one that lies there. %rbp and x29 point to the
# stack only where the function set them so; otherwise they are registers like any other.
function is_spill(i) {
  if (text[i] ~ /^vmov[qd] / || text[i] ~ /\(%r[sb]p\)$/) return 0
  if (text[i] ~ /%[xyz]mm/) return text[i] ~ /\(%rsp/ || (frame && text[i] ~ /\(%rbp/)
  if (text[i] ~ /^ld[a-z0-9]*[ \t]+\{?[qv][0-9]/) return text[i] ~ /\[sp/ || (frame && text[i] ~ /\[x29/)
  return 0
}

function is_product(i) {
  return text[i] ~ /^(vfmadd|vfnmadd|fmla|fmadd)/
}

function is_call(i) {
  return text[i] ~ /^(call|bl[ \t])/
}

# All instructions of a function have been read.
function end_of_function(    jump, other, inner, i, products, spilled, calls, found) {
  if (name !~ /tile/) count = 0
  for (jump = 1; jump <= count; ++jump) {
    if (!(jump in target) || target[jump] > address[jump] || target[jump] < address[1]) continue
    inner = 1
    for (other = 1; other <= count; ++other) {
      if (other != jump && other in target && target[other] <= address[other] &&
          target[other] >= target[jump] && address[other] <= address[jump]) inner = 0
    }
    if (!inner) continue
    products = 0
    for (i = jump; i >= 1 && address[i] >= target[jump]; --i) products += is_product(i)
    if (!products) continue
    ++loops
    spilled = calls = 0
    found = ""
    for (i = jump; i >= 1 && address[i] >= target[jump]; --i) {
      spilled += is_spill(i)
      calls += is_call(i)
      if (is_spill(i) || is_call(i)) found = found name ": " text[i] "\n"
    }
    if (calls > 0 || 50 * spilled > products) {
      spills += spilled + calls
      printf "%s", found
    }
  }
  count = 0
  frame = 0
  delete target
}

/^[0-9a-f]+ <.*>:$/ {
  end_of_function()
  name = $0
  sub(/^[^<]*</, "", name)
  sub(/>:$/, "", name)
  next
}

/^ *[0-9a-f]+:\t/ {
  ++count
  colon = index($0, ":")
  digits = substr($0, 1, colon - 1)
  gsub(/ /, "", digits)
  address[count] = hex(digits)
  text[count] = substr($0, colon + 2)
  if (text[count] ~ /^mov[q]? +%rsp,%rbp/ || text[count] ~ /^mov[ \t]+x29, sp/) frame = 1
  # "jne 1a0 <name+0x20>", "b.ne 1a0 <name+0x20>", "cbnz x0, 1a0 <name+0x20>"
  if (text[count] ~ /^(j|b|cb|tb)/ && text[count] !~ /^bl/ && match(text[count], /[0-9a-f]+ </)) {
    target[count] = hex(substr(text[count], RSTART, RLENGTH - 2))
  }
}

END {
  end_of_function()
  print loops + 0 " loops, " spills + 0 " spills"
}
