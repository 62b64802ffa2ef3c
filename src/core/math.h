// Elementary functions whose bits do not depend on the C library. Scalar, double; plain operators with contraction
// off, so that they agree on every machine, fused multiply-add or not. For random numbers and generated images; the
// vector versions for training live in the kernels.
#pragma once

#include <cstdint>

namespace quench {

/// Within 2 ulp on the whole range; NaN, infinities and zeros as in C.
double exponential(double x);
double logarithm(double x);
/// For |x| up to 2^20, within 2 ulp of 1 (absolute 2^-52); NaN beyond.
double sine(double x);
double cosine(double x);
/// x^n by repeated squaring, 1 / x^-n for negative n: relative error about |n| 2^-53. x^0 is 1 for every x.
double power(double x, std::int64_t n);

}  // namespace quench
