// Everything an embedding program needs.
#pragma once

#include "quench/adam.h"
#include "quench/audit.h"
#include "quench/dataset.h"
#include "quench/detector.h"
#include "quench/detectors.h"
#include "quench/error.h"
#include "quench/executor.h"
#include "quench/fdr.h"
#include "quench/fdr_shift.h"
#include "quench/fdr_tensors.h"
#include "quench/graph.h"
#include "quench/model.h"
#include "quench/optimizer.h"
#include "quench/plan.h"
#include "quench/sgd.h"
#include "quench/system.h"
