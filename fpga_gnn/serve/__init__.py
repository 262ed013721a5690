"""Inference as a service: hits in, tracks out, over KServe v2 (REST and gRPC)."""
