"""Thin adapters to Amazon Web Services, the only importers of boto3.

Region, credentials and, on a developer's machine, endpoints come from the environment variables
that boto3 itself reads (AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3, …).
"""
