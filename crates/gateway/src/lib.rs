//! HTTP without a server: dialects, route tables, authentication, limits, CORS.
