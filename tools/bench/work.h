// What a call does.
#pragma once

namespace quench::bench {

/// What a call does, by its own account.
struct Work {
  double flops = 0;      ///< nominal floating-point operations; 0 when it is not of that kind
  double inside = 0;     ///< those without taps of convolutions that lie beyond the image; 0: none are told apart
  double bytes = 0;      ///< read and written at least; 0 when not known
  double footprint = 0;  ///< bytes of memory that it touches; 0: those are all different
  double share = 0;      ///< of a whole that it is a part of; 0: of none
  double images = 0;     ///< that are classified; 0: it does not classify any
};

}  // namespace quench::bench
