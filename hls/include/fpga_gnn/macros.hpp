// HLS directives that only a synthesis tool reads: g++ and other C++ front ends see nothing.
#pragma once

#ifdef __SYNTHESIS__
#define FPGA_GNN_PRAGMA(...) _Pragma(#__VA_ARGS__)
#define FPGA_GNN_HLS(...) FPGA_GNN_PRAGMA(HLS __VA_ARGS__)
#else
#define FPGA_GNN_HLS(...)
#endif
