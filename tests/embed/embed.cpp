// Trains the paper's network inside another program: everything an embedder needs.
#include <quench/quench.h>

#include <cstdio>

int main() {
  const quench::Dataset digits = quench::generated_digits();  // or quench::load_mnist("data/mnist")
  quench::Graph g;
  auto x = g.input({1, 28, 28});
  auto h = relu(linear(flatten(x), 200));
  auto logits = linear(relu(linear(h, 200)), 10);
  quench::Model model(g, softmax_cross_entropy(logits), {.batch = 100, .seed = 1});
  quench::Sgd sgd(model.parameters(), {.lr = 0.1F, .weight_decay = 0.01F});
  for (int epoch = 0; epoch < 2; ++epoch) {
    for (const quench::Batch& batch : digits.train.shuffled({.batch = 100, .seed = 1, .epoch = epoch})) {
      sgd.step(model, batch);
    }
    const quench::Evaluation test = model.evaluate(digits.test);
    std::printf("epoch %d: test accuracy %.4f +- %.4f (%d images)\n", epoch + 1, test.accuracy, test.accuracy_error,
                static_cast<int>(test.examples));
  }
}
