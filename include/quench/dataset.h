// Data sets: MNIST and CIFAR-10 read from their files, and stand-ins of both, drawn.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "quench/executor.h"
#include "quench/image_set.h"

namespace quench {

/// A training set and a test set of the same shape, normalised by the same map.
struct Dataset {
  std::string name;        ///< "mnist", "cifar10"
  bool generated = false;  ///< true for the stand-in images that quench draws itself
  ImageSet train;
  ImageSet test;
};

/// What a data folder holds, decided before anything is read.
enum class DataState { absent, complete, partial };

/// Looks for MNIST's four files in `folder` (both usual spellings: train-images-idx3-ubyte and
/// train-images.idx3-ubyte): absent when none is there, partial when some are. A file that still is gzip-compressed
/// (.gz) counts as there; load_mnist says that it wants unpacking.
DataState mnist_state(const std::filesystem::path& folder);

/// Reads MNIST's four IDX files and normalises to zero mean and unit variance over the training set and its pixels;
/// the test set gets the same map. Headers, lengths and counts of all four files are checked before any is read,
/// and all labels before memory is taken for images. Throws Error naming the file, what was found and what was
/// expected.
Dataset load_mnist(const std::filesystem::path& folder);

/// Looks for CIFAR-10's files in `folder`, data_batch_<number>.bin and test_batch.bin: absent when none is there,
/// complete when test_batch.bin is and training files are numbered 1, 2, ... without a gap, else partial. A file
/// that still is gzip-compressed (.gz) counts as there, and so does what has the name of a training file but no
/// number; load_cifar10 says what is wrong.
DataState cifar10_state(const std::filesystem::path& folder);

/// Reads CIFAR-10's binary files: test_batch.bin, and all data_batch_<number>.bin in the order of their numbers 1,
/// 2, ... without a gap. A file is any whole number of records of 3073 bytes, a label 0 .. 9 and 3 x 32 x 32
/// pixels; but where all training files have the 10,000 of the distributed ones, all five must be there. Pixels are
/// mapped to -1 .. 1. All lengths are checked before anything is read. Throws Error naming the file, what was found
/// and what was expected.
Dataset load_cifar10(const std::filesystem::path& folder);

/// 60,000 + 10,000 images 28x28 of ten classes of digits, drawn from strokes; the same bytes for the same seed on
/// any machine and any number of threads. Normalised like MNIST.
Dataset generated_digits(std::uint64_t seed = 1, Executor* executor = nullptr);

/// 50,000 + 10,000 colour images 32x32 of ten classes: discs, rings, squares, triangles, crosses; lying, standing
/// and slanted stripes, checks, dots. Each holds two of different classes, and its label is the one that stands out
/// more; place, size, colour and ground say nothing about it. The same bytes for the same seed on any machine and
/// any number of threads. Pixels are mapped to -1 .. 1 like CIFAR-10's.
Dataset generated_shapes(std::uint64_t seed = 1, Executor* executor = nullptr);

/// Writes one picture of the first 20 images of each class, a row per class: binary PGM for 1 channel, PPM for 3.
/// Throws Error for another number of channels, an empty set, and when the file cannot be written whole; what it
/// held before is then still there.
void write_contact_sheet(const ImageSet& images, const std::filesystem::path& file);

}  // namespace quench
