/* SPDX-License-Identifier: MIT */
#include "common/base.h"
