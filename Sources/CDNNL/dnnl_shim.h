#pragma once
// Both 2.x and 3.x install this header.
#include <oneapi/dnnl/dnnl.h>
