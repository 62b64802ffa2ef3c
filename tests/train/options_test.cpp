#include "train/options.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "train/console.h"
#include "train/help.h"
#include "train/option_table.h"

using namespace quench::train;

namespace {

Settings parse(const std::vector<std::string_view>& words) { return parse_options(words); }

/// The message of the UsageError that these words cause.
std::string refusal(const std::vector<std::string_view>& words) {
  try {
    parse_options(words);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a data set alone asks for the run of the paper") {
  const Settings settings = parse({"mnist"});
  CHECK(settings.dataset == "mnist");
  CHECK(settings.data == "data");
  CHECK_FALSE(settings.data_given);
  CHECK(settings.model == "mlp");
  CHECK(settings.epochs == 100);
  CHECK(settings.batch == 100);
  CHECK(settings.lr == 0.1);
  CHECK(settings.momentum == 0);
  CHECK(settings.dampening == 0);
  CHECK(settings.weight_decay == 0.01);
  CHECK(settings.optimizer == "sgd");
  CHECK(settings.schedule == "fdr");
  CHECK(settings.seed == 1);
  CHECK(settings.data_seed == 1);
  CHECK(settings.sampling == "shuffle");
  CHECK(settings.eval_every == 1);
  CHECK(settings.out.empty());
  CHECK_FALSE(settings.quiet);
}

TEST_CASE("the data set decides about model and momentum, unless they are given") {
  const Settings settings = parse({"cifar10"});
  CHECK(settings.dataset == "cifar10");
  CHECK(settings.model == "cnn");
  CHECK(settings.momentum == 0.9);
  CHECK(settings.epochs == 100);
  CHECK(settings.batch == 100);
  CHECK(settings.lr == 0.1);
  CHECK(settings.dampening == 0);
  CHECK(settings.weight_decay == 0.01);
  CHECK_FALSE(settings.data_given);
  CHECK(parse({"--model", "mlp", "cifar10"}).model == "mlp");
  CHECK(parse({"--model", "mlp", "cifar10"}).momentum == 0.9);
  CHECK(parse({"cifar10", "--momentum=0"}).momentum == 0);
  CHECK(parse({"mnist", "--model=cnn"}).model == "cnn");
  CHECK(parse({"mnist", "--model=cnn"}).momentum == 0);
}

TEST_CASE("values follow their option as the next word or after =, in any order around the data set") {
  const Settings settings = parse({"--epochs", "3", "--lr=1e-3", "mnist", "--data=/d", "--momentum", "0.9",
                                   "--quiet", "--out=a=b", "--sampling", "iid", "--threads=7", "--eval-every=0"});
  CHECK(settings.dataset == "mnist");
  CHECK(settings.epochs == 3);
  CHECK(settings.lr == 0.001);
  CHECK(settings.data == "/d");
  CHECK(settings.data_given);
  CHECK(settings.momentum == 0.9);
  CHECK(settings.quiet);
  CHECK(settings.out == "a=b");
  CHECK(settings.sampling == "iid");
  CHECK(settings.threads == 7);
  CHECK(settings.eval_every == 0);
}

TEST_CASE("of an option given twice the last counts") { CHECK(parse({"mnist", "--lr=1", "--lr=2"}).lr == 2); }

TEST_CASE("the data seed is the seed unless it is given") {
  CHECK(parse({"mnist", "--seed", "18446744073709551615"}).data_seed == std::numeric_limits<std::uint64_t>::max());
  CHECK(parse({"mnist", "--data-seed=0", "--seed=5"}).data_seed == 0);
}

TEST_CASE("--help and --version need no data set and hide what follows") {
  CHECK(parse({"--help"}).help);
  CHECK(parse({"-h"}).help);
  CHECK(parse({"mnist", "--help", "--nonsense"}).help);
  CHECK(parse({"--version"}).version);
}

TEST_CASE("an unknown option is refused with the nearest one there is") {
  CHECK(refusal({"mnist", "--epoch", "3"}) == "unknown option --epoch; did you mean --epochs?");
  CHECK(refusal({"mnist", "--bacth=3"}) == "unknown option --bacth; did you mean --batch?");
  CHECK(refusal({"mnist", "--weightdecay", "0"}) == "unknown option --weightdecay; did you mean --weight-decay?");
  CHECK(refusal({"mnist", "-lr", "0.1"}) == "unknown option -lr; did you mean --lr?");
  CHECK(refusal({"mnist", "--thread=2"}) == "unknown option --thread; did you mean --threads?");
  CHECK(refusal({"mnist", "--learning-rate=2"}) == "unknown option --learning-rate; --help lists all");
  CHECK(refusal({"mnist", "--"}) == "unknown option --; --help lists all");
}

TEST_CASE("near names are found by swapped, missing, wrong and superfluous letters and by beginnings") {
  const std::vector<std::string_view> names{"--epochs", "--lr", "--momentum"};
  CHECK(nearest_name("--epcohs", names) == "--epochs");
  CHECK(nearest_name("--momntum", names) == "--momentum");
  CHECK(nearest_name("--momemtum", names) == "--momentum");
  CHECK(nearest_name("--llr", names) == "--lr");
  CHECK(nearest_name("--mom", names) == "--momentum");
  CHECK(nearest_name("--lr-of-the-first-epoch", names) == "--lr");
  CHECK(nearest_name("--e", names).empty());
  CHECK(nearest_name("--resume", names).empty());
  CHECK(nearest_name("--", names).empty());
}

TEST_CASE("the nearest name is not the first that is near") {
  for (const std::string_view word : {"--data_seed", "--data-sed", "--dataseed", "--data-sede", "--data-se"}) {
    CHECK(refusal({"mnist", word, "3"}) == "unknown option " + std::string(word) + "; did you mean --data-seed?");
  }
  CHECK(refusal({"mnist", "--dat=d"}) == "unknown option --dat; did you mean --data?");
  const std::vector<std::string_view> names{"--out", "--output", "--ed", "--seed"};
  CHECK(nearest_name("--output-folder", names) == "--output");  // the longer beginning
  CHECK(nearest_name("--sed", names) == "--seed");              // as near as ed, with more in common
}

TEST_CASE("control bytes in a message are spelled out") {
  CHECK(one_line("--fo\nbar\x1b[2J\x7f \xc3\xa9") == "--fo\\x0abar\\x1b[2J\\x7f \xc3\xa9");
}

TEST_CASE("a malformed number is refused with what was found and what is expected") {
  CHECK(refusal({"mnist", "--lr", "1e"}) == "--lr: found \"1e\", expected a finite number >= 0");
  CHECK(refusal({"mnist", "--lr", "0.1x"}) == "--lr: found \"0.1x\", expected a finite number >= 0");
  CHECK(refusal({"mnist", "--lr="}) == "--lr: found \"\", expected a finite number >= 0");
  CHECK(refusal({"mnist", "--epochs", "3.5"}) ==
        "--epochs: found \"3.5\", expected a whole number from 1 to 1000000000");
  CHECK(refusal({"mnist", "--seed", "-1"}) ==
        "--seed: found \"-1\", expected a whole number from 0 to 18446744073709551615");
  CHECK(refusal({"mnist", "--seed", "18446744073709551616"}) ==
        "--seed: found \"18446744073709551616\", expected a whole number from 0 to 18446744073709551615");
}

TEST_CASE("a number out of range is refused, the ends of the range are not") {
  CHECK(refusal({"mnist", "--epochs=0"}) == "--epochs: found \"0\", expected a whole number from 1 to 1000000000");
  CHECK(refusal({"mnist", "--batch=0"}) == "--batch: found \"0\", expected a whole number from 1 to 16777216");
  CHECK(refusal({"mnist", "--threads=0"}) == "--threads: found \"0\", expected a whole number from 1 to 1024");
  CHECK(refusal({"mnist", "--threads=1000000000"}) ==
        "--threads: found \"1000000000\", expected a whole number from 1 to 1024");
  CHECK(refusal({"mnist", "--eval-every=-1"}) ==
        "--eval-every: found \"-1\", expected a whole number from 0 to 1000000000");
  for (const std::string_view bad : {"-0.1", "nan", "inf", "-inf"}) {
    CHECK(refusal({"mnist", "--lr", bad}) ==
          "--lr: found \"" + std::string(bad) + "\", expected a finite number >= 0");
    CHECK(refusal({"mnist", "--weight-decay", bad}) ==
          "--weight-decay: found \"" + std::string(bad) + "\", expected a finite number >= 0");
  }
  for (const std::string_view bad : {"1", "-0.1", "nan"}) {
    CHECK(refusal({"mnist", "--momentum", bad}) ==
          "--momentum: found \"" + std::string(bad) + "\", expected a number >= 0 and < 1");
    CHECK(refusal({"mnist", "--dampening", bad}) ==
          "--dampening: found \"" + std::string(bad) + "\", expected a number >= 0 and < 1");
  }
  CHECK(parse({"mnist", "--lr=0", "--threads=1024", "--epochs=1000000000", "--momentum=0.999"}).threads == 1024);
  CHECK(parse({"mnist", "--lr=1e30"}).lr == 1e30);
}

TEST_CASE("a number that is another one as a float is refused with the reason, rounding is not") {
  for (const std::string_view bad : {"3.5e38", "1e39", "1e999", "1e-50", "1e-400"}) {
    const std::string found = "found \"" + std::string(bad) +
                              "\", which is outside the range of floats (1.4e-45 to 3.4e+38), expected a ";
    CHECK(refusal({"mnist", "--lr", bad}) == "--lr: " + found + "finite number >= 0");
    CHECK(refusal({"mnist", "--weight-decay", bad}) == "--weight-decay: " + found + "finite number >= 0");
    CHECK(refusal({"mnist", "--momentum", bad}) == "--momentum: " + found + "number >= 0 and < 1");
  }
  CHECK(refusal({"mnist", "--momentum=0.99999999999"}) ==
        "--momentum: found \"0.99999999999\", which as a float is 1, expected a number >= 0 and < 1");
  // The largest float as it is commonly written, which is a little more; and the smallest.
  CHECK(static_cast<float>(parse({"mnist", "--lr=3.4028235e38"}).lr) == std::numeric_limits<float>::max());
  CHECK(static_cast<float>(parse({"mnist", "--lr=1.4e-45"}).lr) == std::numeric_limits<float>::denorm_min());
  CHECK_FALSE(std::signbit(parse({"mnist", "--lr=-0"}).lr));
  CHECK_FALSE(std::signbit(parse({"mnist", "--momentum=-0.0"}).momentum));
}

TEST_CASE("a name that is not among the choices is refused with the choices") {
  CHECK(refusal({"mnist", "--sampling=random"}) == "--sampling: found \"random\", expected shuffle or iid");
  CHECK(refusal({"mnist", "--optimizer=lion"}) == "--optimizer: found \"lion\", expected sgd, adam or amsgrad");
  CHECK(
      refusal({"mnist", "--schedule=cosine"}) ==
      "--schedule: found \"cosine\", expected fdr, constant, preset, sasa, pflug, pesme, abel, plateau or stages");
  CHECK(refusal({"mnist", "--model=rnn"}) == "--model: found \"rnn\", expected mlp or cnn");
}

TEST_CASE("an option without its value, and a flag with one, are refused") {
  CHECK(refusal({"mnist", "--epochs"}) == "--epochs: found nothing, expected a whole number from 1 to 1000000000");
  CHECK(refusal({"mnist", "--out", "--quiet"}) == "--out: found the option --quiet, expected a folder");
  CHECK(refusal({"mnist", "--out="}) == "--out: found \"\", expected a folder");
  CHECK(refusal({"mnist", "--show-data"}) == "--show-data: found nothing, expected a file");
  CHECK(refusal({"mnist", "--quiet=yes"}) == "--quiet: found the value \"yes\", expected none");
}

TEST_CASE("no data set, an unknown one and a second one are refused") {
  CHECK(refusal({}) == "found no data set, expected mnist or cifar10; --help says more");
  CHECK(refusal({"--epochs=3"}) == "found no data set, expected mnist or cifar10; --help says more");
  CHECK(refusal({"imagenet"}) == "unknown data set \"imagenet\", expected mnist or cifar10");
  CHECK(refusal({"minst"}) == "unknown data set \"minst\", expected mnist or cifar10; did you mean mnist?");
  CHECK(refusal({"cifar-10"}) == "unknown data set \"cifar-10\", expected mnist or cifar10; did you mean cifar10?");
  CHECK(refusal({"mnist", "3"}) ==
        "found \"3\" after the data set mnist, expected an option; options start with --");
}

TEST_CASE("every option of the table can be given with its own default") {
  const Settings defaults;
  for (const Option& option : option_table()) {
    CAPTURE(std::string(option.name));
    const std::string value = value_text(option, defaults);
    // --threads, --out and --show-data have no value that means the default.
    if (value.empty() || option.name == "--threads") continue;
    const std::string word = std::string(option.name) + "=" + value;
    for (const std::string_view dataset : {"mnist", "cifar10"})
      CHECK(value_text(option, parse({dataset, word})) == value);
  }
}

TEST_CASE("help lists every option once with its default, in groups and lines of at most 100 columns") {
  const std::string help = help_text();
  std::vector<std::string_view> groups;
  for (const Option& option : option_table()) {
    CAPTURE(std::string(option.name));
    const std::string start = "\n  " + std::string(option.name) + " ";
    const std::size_t at = help.find(start);
    REQUIRE(at != std::string::npos);
    CHECK(help.find(start, at + 1) == std::string::npos);
    const std::size_t end = help.find("\n  --", at + 1);
    const std::string entry = help.substr(at, end - at);
    CHECK((entry.find("default:") != std::string::npos) ==
          (!option.default_text.empty() || !value_text(option, Settings{}).empty()));
    if (groups.empty() || groups.back() != option.group) {
      CHECK(std::find(groups.begin(), groups.end(), option.group) == groups.end());
      groups.push_back(option.group);
      CHECK(help.find("\n\n" + std::string(option.group) + "\n") != std::string::npos);
    }
  }
  CHECK(help.find("(X >= 0; default: 0.1; 0.001 for adam and amsgrad)") != std::string::npos);
  CHECK(help.find("(0 <= X < 1; default: 0)") != std::string::npos);
  for (std::size_t start = 0; start < help.size();) {
    const std::size_t end = help.find('\n', start);
    CHECK(end - start <= 100);
    start = end + 1;
  }
}

TEST_CASE("what tests nothing, or counts epochs, refuses to be tested every so many steps") {
  CHECK(parse({"mnist", "--fdr-every=100"}).fdr_every == 100);
  CHECK(parse({"mnist", "--fdr-every=100", "--schedule=plateau"}).fdr_every == 100);
  CHECK(parse({"mnist", "--fdr-every=0", "--schedule=constant"}).fdr_every == 0);
  CHECK(refusal({"mnist", "--fdr-every=100", "--schedule=constant"}) ==
        "--fdr-every: found with --schedule constant, which tests nothing; expected another schedule");
  CHECK(refusal({"mnist", "--schedule=preset", "--fdr-every=100"}) ==
        "--fdr-every: found with --schedule preset, which counts epochs; expected another schedule");
  CHECK(refusal({"mnist", "--optimizer=adam", "--fdr-every=100"}) ==
        "--fdr-every: found with --schedule constant, which tests nothing; expected another schedule");
}

TEST_CASE("Adam has its own learning rate and no schedule, and refuses what it has not got") {
  const Settings adam = parse({"cifar10", "--optimizer=adam"});
  CHECK(adam.lr == 0.001);
  CHECK(adam.schedule == "constant");
  CHECK(adam.momentum == 0);
  CHECK(parse({"mnist", "--optimizer=amsgrad", "--lr=0.01", "--schedule=plateau"}).schedule == "plateau");
  CHECK(refusal({"mnist", "--optimizer=adam", "--momentum=0.9"}) ==
        "--momentum: found with --optimizer adam, which has no such thing");
  CHECK(refusal({"mnist", "--beta1=0.5"}) == "--beta1: found with --optimizer sgd, which has no such thing");
  for (const std::string schedule : {"fdr", "sasa", "pflug"}) {
    CHECK(refusal({"mnist", "--optimizer=adam", "--schedule=" + schedule})
              .starts_with("--schedule: found \"" + schedule + "\" with --optimizer adam"));
  }
}
