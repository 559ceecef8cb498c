"""What all routes share: requests, bodies, problems, schemas, the OpenAPI document."""
