#include "data/digit_strokes.h"

namespace quench {
namespace {

constexpr Knot::Kind start = Knot::Kind::start, bend = Knot::Kind::bend, corner = Knot::Kind::corner;

// 0
// A closed oval
constexpr Knot zero_a[] = {{start, 0.38F, 0.02F}, {bend, 0.14F, 0.18F}, {bend, 0.02F, 0.50F},
                           {bend, 0.12F, 0.84F},  {bend, 0.36F, 0.98F}, {bend, 0.60F, 0.82F},
                           {bend, 0.68F, 0.48F},  {bend, 0.58F, 0.16F}, {bend, 0.36F, 0.03F}};
// Narrow, its ends crossing at the top
constexpr Knot zero_b[] = {{start, 0.44F, 0.08F}, {bend, 0.22F, 0.10F}, {bend, 0.05F, 0.40F},
                           {bend, 0.05F, 0.78F},  {bend, 0.26F, 0.98F}, {bend, 0.52F, 0.82F},
                           {bend, 0.62F, 0.42F},  {bend, 0.50F, 0.08F}, {bend, 0.28F, 0.00F}};
// Its end curled inwards
constexpr Knot zero_c[] = {{start, 0.52F, 0.04F}, {bend, 0.26F, 0.04F}, {bend, 0.04F, 0.40F},
                           {bend, 0.10F, 0.86F},  {bend, 0.38F, 0.98F}, {bend, 0.64F, 0.70F},
                           {bend, 0.66F, 0.30F},  {bend, 0.50F, 0.08F}, {bend, 0.38F, 0.16F}};
// The other way round
constexpr Knot zero_d[] = {{start, 0.30F, 0.04F}, {bend, 0.54F, 0.10F}, {bend, 0.70F, 0.44F},
                           {bend, 0.58F, 0.86F},  {bend, 0.32F, 0.98F}, {bend, 0.08F, 0.80F},
                           {bend, 0.02F, 0.46F},  {bend, 0.14F, 0.12F}, {bend, 0.34F, 0.00F}};

// 1
// One stroke
constexpr Knot one_a[] = {{start, 0.34F, 0.00F}, {bend, 0.32F, 0.50F}, {bend, 0.30F, 1.00F}};
// Leaning
constexpr Knot one_b[] = {{start, 0.50F, 0.00F}, {bend, 0.29F, 0.48F}, {bend, 0.06F, 1.00F}};
// With a flag
constexpr Knot one_c[] = {{start, 0.08F, 0.26F},
                          {bend, 0.22F, 0.15F},
                          {corner, 0.34F, 0.00F},
                          {bend, 0.33F, 0.50F},
                          {bend, 0.31F, 1.00F}};
// With a flag and a foot
constexpr Knot one_d[] = {{start, 0.08F, 0.24F}, {bend, 0.20F, 0.16F}, {corner, 0.32F, 0.00F},
                          {bend, 0.31F, 0.50F},  {bend, 0.30F, 0.98F}, {start, 0.04F, 0.99F},
                          {bend, 0.30F, 0.98F},  {bend, 0.58F, 0.97F}};

// 2
// A flat foot
constexpr Knot two_a[] = {{start, 0.05F, 0.24F},  {bend, 0.18F, 0.05F}, {bend, 0.42F, 0.00F},
                          {bend, 0.60F, 0.16F},   {bend, 0.54F, 0.42F}, {bend, 0.30F, 0.72F},
                          {corner, 0.04F, 0.96F}, {bend, 0.36F, 0.94F}, {bend, 0.72F, 0.95F}};
// A loop at the foot
constexpr Knot two_b[] = {{start, 0.06F, 0.20F}, {bend, 0.26F, 0.02F}, {bend, 0.52F, 0.06F}, {bend, 0.58F, 0.30F},
                          {bend, 0.42F, 0.62F},  {bend, 0.20F, 0.88F}, {bend, 0.05F, 0.94F}, {bend, 0.03F, 0.82F},
                          {bend, 0.16F, 0.76F},  {bend, 0.36F, 0.86F}, {bend, 0.56F, 0.96F}, {bend, 0.76F, 0.88F}};
// A wavy foot
constexpr Knot two_c[] = {{start, 0.10F, 0.14F},  {bend, 0.34F, 0.00F}, {bend, 0.56F, 0.14F}, {bend, 0.46F, 0.45F},
                          {corner, 0.00F, 0.92F}, {bend, 0.22F, 0.86F}, {bend, 0.44F, 0.95F}, {bend, 0.74F, 0.89F}};

// 3
// Two bows that meet in a corner
constexpr Knot three_a[] = {{start, 0.07F, 0.14F}, {bend, 0.30F, 0.00F},   {bend, 0.56F, 0.10F},
                            {bend, 0.52F, 0.32F},  {corner, 0.25F, 0.46F}, {bend, 0.54F, 0.55F},
                            {bend, 0.62F, 0.78F},  {bend, 0.40F, 0.98F},   {bend, 0.04F, 0.88F}};
// A rounded waist
constexpr Knot three_b[] = {{start, 0.06F, 0.10F}, {bend, 0.34F, 0.00F}, {bend, 0.55F, 0.16F}, {bend, 0.44F, 0.37F},
                            {bend, 0.24F, 0.46F},  {bend, 0.36F, 0.47F}, {bend, 0.58F, 0.62F}, {bend, 0.56F, 0.88F},
                            {bend, 0.28F, 1.00F},  {bend, 0.02F, 0.90F}};
// A flat top
constexpr Knot three_c[] = {{start, 0.05F, 0.04F}, {corner, 0.58F, 0.03F}, {corner, 0.27F, 0.40F},
                            {bend, 0.54F, 0.50F},  {bend, 0.62F, 0.76F},   {bend, 0.40F, 0.97F},
                            {bend, 0.03F, 0.92F}};

// 4
// Open, with corners
constexpr Knot four_a[] = {{start, 0.10F, 0.02F}, {bend, 0.06F, 0.28F}, {corner, 0.03F, 0.54F},
                           {bend, 0.32F, 0.55F},  {bend, 0.68F, 0.50F}, {start, 0.55F, 0.08F},
                           {bend, 0.53F, 0.50F},  {bend, 0.49F, 1.00F}};
// Open, round
constexpr Knot four_b[] = {{start, 0.10F, 0.04F}, {bend, 0.04F, 0.32F}, {bend, 0.18F, 0.52F},
                           {bend, 0.46F, 0.48F},  {bend, 0.60F, 0.38F}, {start, 0.62F, 0.00F},
                           {bend, 0.57F, 0.42F},  {bend, 0.50F, 1.00F}};
// Closed
constexpr Knot four_c[] = {{start, 0.48F, 0.00F}, {bend, 0.22F, 0.34F}, {corner, 0.00F, 0.64F},
                           {bend, 0.36F, 0.64F},  {bend, 0.72F, 0.61F}, {start, 0.49F, 0.02F},
                           {bend, 0.47F, 0.50F},  {bend, 0.45F, 1.00F}};
// In one stroke
constexpr Knot four_d[] = {{start, 0.10F, 0.04F},  {bend, 0.05F, 0.38F}, {bend, 0.20F, 0.52F}, {bend, 0.46F, 0.40F},
                           {corner, 0.60F, 0.02F}, {bend, 0.54F, 0.48F}, {bend, 0.48F, 1.00F}};
// Closed, with a round top
constexpr Knot four_e[] = {{start, 0.52F, 0.06F}, {bend, 0.24F, 0.20F}, {corner, 0.06F, 0.50F},
                           {bend, 0.32F, 0.56F},  {bend, 0.56F, 0.44F}, {start, 0.56F, 0.04F},
                           {bend, 0.53F, 0.50F},  {bend, 0.47F, 1.00F}};

// 5
// The bar last
constexpr Knot five_a[] = {{start, 0.14F, 0.04F}, {bend, 0.11F, 0.22F}, {corner, 0.08F, 0.44F},
                           {bend, 0.36F, 0.36F},  {bend, 0.60F, 0.56F}, {bend, 0.52F, 0.88F},
                           {bend, 0.26F, 1.00F},  {bend, 0.00F, 0.90F}, {start, 0.14F, 0.04F},
                           {bend, 0.38F, 0.03F},  {bend, 0.70F, 0.00F}};
// In one stroke
constexpr Knot five_b[] = {{start, 0.68F, 0.02F},  {bend, 0.42F, 0.03F}, {corner, 0.18F, 0.06F},
                           {corner, 0.10F, 0.46F}, {bend, 0.36F, 0.40F}, {bend, 0.58F, 0.58F},
                           {bend, 0.52F, 0.86F},   {bend, 0.26F, 0.99F}, {bend, 0.02F, 0.90F}};
// Like an S
constexpr Knot five_c[] = {{start, 0.66F, 0.00F}, {bend, 0.38F, 0.04F}, {bend, 0.16F, 0.20F}, {bend, 0.20F, 0.40F},
                           {bend, 0.46F, 0.54F},  {bend, 0.54F, 0.76F}, {bend, 0.34F, 0.98F}, {bend, 0.02F, 0.92F}};
// With a short bar
constexpr Knot five_d[] = {{start, 0.15F, 0.06F}, {bend, 0.12F, 0.24F},  {corner, 0.12F, 0.42F},
                           {bend, 0.48F, 0.42F},  {bend, 0.58F, 0.74F},  {bend, 0.34F, 0.98F},
                           {bend, 0.03F, 0.90F},  {start, 0.15F, 0.06F}, {bend, 0.32F, 0.05F},
                           {bend, 0.52F, 0.03F}};

// 6
// A small loop
constexpr Knot six_a[] = {{start, 0.50F, 0.00F}, {bend, 0.22F, 0.28F}, {bend, 0.05F, 0.64F},
                          {bend, 0.16F, 0.94F},  {bend, 0.42F, 0.97F}, {bend, 0.56F, 0.76F},
                          {bend, 0.42F, 0.58F},  {bend, 0.18F, 0.64F}, {bend, 0.06F, 0.80F}};
// A straight back
constexpr Knot six_b[] = {{start, 0.36F, 0.00F}, {bend, 0.14F, 0.40F}, {bend, 0.06F, 0.78F}, {bend, 0.26F, 1.00F},
                          {bend, 0.50F, 0.84F},  {bend, 0.42F, 0.62F}, {bend, 0.20F, 0.66F}, {bend, 0.08F, 0.84F}};
// A large loop
constexpr Knot six_c[] = {{start, 0.62F, 0.08F}, {bend, 0.36F, 0.05F}, {bend, 0.11F, 0.38F},
                          {bend, 0.06F, 0.76F},  {bend, 0.30F, 1.00F}, {bend, 0.60F, 0.84F},
                          {bend, 0.56F, 0.56F},  {bend, 0.32F, 0.50F}, {bend, 0.10F, 0.66F}};

// 7
// Plain
constexpr Knot seven_a[] = {{start, 0.02F, 0.07F},
                            {bend, 0.32F, 0.05F},
                            {corner, 0.64F, 0.03F},
                            {bend, 0.46F, 0.45F},
                            {bend, 0.28F, 1.00F}};
// With a bar
constexpr Knot seven_b[] = {{start, 0.02F, 0.07F}, {bend, 0.32F, 0.05F}, {corner, 0.64F, 0.03F},
                            {bend, 0.46F, 0.45F},  {bend, 0.28F, 1.00F}, {start, 0.16F, 0.52F},
                            {bend, 0.37F, 0.50F},  {bend, 0.60F, 0.48F}};
// With a serif
constexpr Knot seven_c[] = {{start, 0.03F, 0.22F},  {corner, 0.05F, 0.04F}, {bend, 0.36F, 0.05F},
                            {corner, 0.66F, 0.03F}, {bend, 0.47F, 0.42F},   {bend, 0.36F, 1.00F}};
// Round
constexpr Knot seven_d[] = {{start, 0.00F, 0.18F}, {bend, 0.18F, 0.05F}, {bend, 0.44F, 0.08F},
                            {bend, 0.60F, 0.16F},  {bend, 0.50F, 0.44F}, {bend, 0.34F, 0.98F}};

// 8
// One crossing line
constexpr Knot eight_a[] = {{start, 0.52F, 0.10F}, {bend, 0.28F, 0.00F}, {bend, 0.10F, 0.18F},
                            {bend, 0.26F, 0.42F},  {bend, 0.50F, 0.60F}, {bend, 0.58F, 0.84F},
                            {bend, 0.32F, 1.00F},  {bend, 0.06F, 0.86F}, {bend, 0.14F, 0.62F},
                            {bend, 0.40F, 0.42F},  {bend, 0.54F, 0.22F}, {bend, 0.50F, 0.08F}};
// Two rings
constexpr Knot eight_b[] = {
    {start, 0.34F, 0.46F}, {bend, 0.10F, 0.26F}, {bend, 0.32F, 0.00F}, {bend, 0.56F, 0.22F}, {bend, 0.34F, 0.46F},
    {start, 0.34F, 0.46F}, {bend, 0.05F, 0.74F}, {bend, 0.32F, 1.00F}, {bend, 0.62F, 0.74F}, {bend, 0.34F, 0.46F}};
// Open at the top
constexpr Knot eight_c[] = {{start, 0.62F, 0.06F}, {bend, 0.36F, 0.02F}, {bend, 0.16F, 0.16F}, {bend, 0.28F, 0.40F},
                            {bend, 0.48F, 0.62F},  {bend, 0.50F, 0.88F}, {bend, 0.26F, 1.00F}, {bend, 0.08F, 0.84F},
                            {bend, 0.20F, 0.60F},  {bend, 0.46F, 0.36F}, {bend, 0.64F, 0.12F}};
// Begun at the crossing
constexpr Knot eight_d[] = {{start, 0.30F, 0.45F}, {bend, 0.08F, 0.22F}, {bend, 0.30F, 0.01F}, {bend, 0.54F, 0.20F},
                            {bend, 0.40F, 0.42F},  {bend, 0.10F, 0.70F}, {bend, 0.22F, 0.98F}, {bend, 0.54F, 0.88F},
                            {bend, 0.52F, 0.64F},  {bend, 0.28F, 0.44F}};

// 9
// A straight back
constexpr Knot nine_a[] = {{start, 0.54F, 0.14F},  {bend, 0.30F, 0.00F}, {bend, 0.06F, 0.18F},
                           {bend, 0.12F, 0.42F},   {bend, 0.36F, 0.45F}, {bend, 0.53F, 0.26F},
                           {corner, 0.57F, 0.08F}, {bend, 0.54F, 0.50F}, {bend, 0.48F, 1.00F}};
// A curved back
constexpr Knot nine_b[] = {{start, 0.56F, 0.14F}, {bend, 0.30F, 0.02F}, {bend, 0.06F, 0.22F},
                           {bend, 0.20F, 0.46F},  {bend, 0.46F, 0.36F}, {bend, 0.57F, 0.14F},
                           {bend, 0.57F, 0.50F},  {bend, 0.44F, 0.86F}, {bend, 0.14F, 0.98F}};
// A loop that runs on into the back
constexpr Knot nine_c[] = {{start, 0.52F, 0.30F}, {bend, 0.28F, 0.46F}, {bend, 0.04F, 0.30F}, {bend, 0.22F, 0.04F},
                           {bend, 0.50F, 0.04F},  {bend, 0.54F, 0.30F}, {bend, 0.38F, 0.66F}, {bend, 0.20F, 1.00F}};
// Open at the top
constexpr Knot nine_d[] = {{start, 0.50F, 0.08F}, {bend, 0.20F, 0.08F}, {bend, 0.06F, 0.30F},
                           {bend, 0.26F, 0.46F},  {bend, 0.53F, 0.30F}, {start, 0.58F, 0.04F},
                           {bend, 0.55F, 0.50F},  {bend, 0.45F, 1.00F}};

constexpr Glyph zero[] = {{5, 0.60F, zero_a}, {3, 0.60F, zero_b}, {2, 0.60F, zero_c}, {2, 0.60F, zero_d}};
constexpr Glyph one[] = {{5, 0.45F, one_a}, {4, 0.45F, one_b}, {2, 0.45F, one_c}, {1, 0.45F, one_d}};
constexpr Glyph two[] = {{4, 1.00F, two_a}, {4, 1.00F, two_b}, {2, 1.00F, two_c}};
constexpr Glyph three[] = {{4, 1.00F, three_a}, {3, 1.00F, three_b}, {1, 1.00F, three_c}};
constexpr Glyph four[] = {
    {4, 1.00F, four_a}, {3, 1.00F, four_b}, {2, 1.00F, four_c}, {2, 1.00F, four_d}, {1, 1.00F, four_e}};
constexpr Glyph five[] = {{4, 1.00F, five_a}, {3, 1.00F, five_b}, {2, 1.00F, five_c}, {1, 1.00F, five_d}};
constexpr Glyph six[] = {{4, 1.00F, six_a}, {3, 1.00F, six_b}, {3, 1.00F, six_c}};
constexpr Glyph seven[] = {{4, 1.00F, seven_a}, {2, 1.00F, seven_b}, {2, 1.00F, seven_c}, {2, 1.00F, seven_d}};
constexpr Glyph eight[] = {{5, 1.00F, eight_a}, {2, 1.00F, eight_b}, {2, 1.00F, eight_c}, {2, 1.00F, eight_d}};
constexpr Glyph nine[] = {{4, 1.00F, nine_a}, {3, 1.00F, nine_b}, {3, 1.00F, nine_c}, {1, 1.00F, nine_d}};

constexpr std::span<const Glyph> digits[] = {zero, one, two, three, four, five, six, seven, eight, nine};

}  // namespace

std::span<const Glyph> glyphs(int digit) { return digits[digit]; }

}  // namespace quench
