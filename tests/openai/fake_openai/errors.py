"""How the service refuses: the bodies that were seen on the real one.

Nobody has published the body for too many jobs at a time; `too_many_alive` is written after the daily one.
"""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A refusal, as an HTTP status and a body."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "type": kind, "param": param, "code": code}

    @property
    def body(self) -> dict[str, Any]:
        return {"error": self.error}


def no_key() -> ApiError:
    return ApiError(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY).",
    )


def wrong_key(key: str) -> ApiError:
    """Refuse a key, and show both of its ends, as the service does."""
    shown = key if len(key) < 12 else key[:8] + "*" * (len(key) - 12) + key[-4:]
    message = f"Incorrect API key provided: {shown}. You can find your API key at https://platform.openai.com/account/api-keys."
    return ApiError(401, message, code="invalid_api_key")


def no_file(file_id: str) -> ApiError:
    return ApiError(404, f"No such File object: {file_id}", param="id")


def no_training_file(file_id: str, param: str) -> ApiError:
    return ApiError(400, f"{file_id} does not exist", param=param)


def not_ready(file_id: str) -> ApiError:
    return ApiError(
        400,
        f"File '{file_id}' is still being processed and is not ready to be used for fine-tuning. Please try again later.",
    )


def no_upload(upload_id: str) -> ApiError:
    return ApiError(404, f"No such Upload object: {upload_id}", param="upload_id")


def no_job(job_id: str) -> ApiError:
    return ApiError(404, f"Could not find fine tune: {job_id}", param="fine_tune_id", code="fine_tune_not_found")


def no_model(model: str) -> ApiError:
    return ApiError(404, f"The model '{model}' does not exist", param="model", code="model_not_found")


def not_trainable(model: str) -> ApiError:
    message = f"Model {model} is not available for fine-tuning or does not exist."
    return ApiError(400, message, param="model", code="model_not_available")


def not_eligible() -> ApiError:
    return ApiError(
        403,
        "OpenAI is winding down the fine-tuning platform and your organization is no longer able to create new "
        "fine-tuning training jobs. Learn more https://developers.openai.com/api/docs/deprecations"
        "#update-to-openais-self-serve-fine-tuning",
        code="training_not_available",
    )


def too_many_today(limit: int, model: str) -> ApiError:
    message = (
        "This fine-tune request has been rate-limited. Your organization has reached the maximum of "
        f"{limit} fine-tuning requests per day for the model '{model}'."
    )
    return ApiError(429, message, code="daily_rate_limit_exceeded")


def too_many_alive(limit: int, model: str) -> ApiError:
    message = (
        "This fine-tune request has been rate-limited. Your organization has reached the maximum of "
        f"{limit} active requests for the model '{model}'."
    )
    return ApiError(429, message, code="rate_limit_exceeded")


def storage_full() -> ApiError:
    return ApiError(
        400,
        "You have exceeded your file storage quota. Organizations are limited to 100 GB of files. Please delete old "
        "files or attempt with a smaller file size.",
    )


def invalid(message: str, param: str) -> ApiError:
    return ApiError(400, message, param=param)
