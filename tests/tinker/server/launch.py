"""A Tinker server on a CPU: TuFT 0.2.2 without Ray, vLLM, a GPU or a model hub.

    python launch.py --model NAME=DIRECTORY … --data DIRECTORY --port PORT [--persist]

Training maths, Adam, checkpoints, request order, sessions and REST are TuFT's. What is ours: the stand-ins for Ray and
CUDA (actors.py), the sampler (sampler.py), the translation of SDK 0.38 requests (adapter.py), and here

* clients made of a checkpoint, which TuFT makes in two steps and the SDK in one;
* the seed of the first weights, which TuFT does not look at;
* the tokenizer's id, which is the model's directory, so that no hub is asked;
* any key that begins with `tml-` and is not `tml-refused` is let in.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
import threading
from pathlib import Path

import actors
import torch
import uvicorn
from adapter import FROM_CHECKPOINT, Adapter
from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse
from sampler import CpuSampling
from tinker import types
from tuft.auth import AuthenticationDB, User
from tuft.backends.base_backend import BaseSamplingBackend
from tuft.backends.hf_training_model import HFTrainingModel
from tuft.checkpoints import CheckpointRecord
from tuft.config import AppConfig, ModelConfig
from tuft.persistence import PersistenceConfig
from tuft.server import create_root_app
from tuft.training_controller import TrainingController


def on_a_cpu():
    actors.silence_cuda()
    HFTrainingModel.get_actor = classmethod(lambda cls, config: actors.Actor(cls(config)))
    BaseSamplingBackend.create_backend = classmethod(lambda _, config, worker_venv_path=None: CpuSampling(config))


def let_in():
    def authenticate(_self, api_key):
        is_good = api_key and api_key.startswith("tml-") and api_key != "tml-refused"
        return User("local") if is_good else None

    AuthenticationDB.authenticate = authenticate


def honour_seeds():
    create_adapter = HFTrainingModel.create_adapter

    async def seeded(self, lora_id, lora_config, trace_context=None):
        if lora_config.seed is not None:
            torch.manual_seed(lora_config.seed)
        await create_adapter(self, lora_id, lora_config, trace_context)

    HFTrainingModel.create_adapter = seeded


def name_tokenizers():
    get_model_info = TrainingController.get_model_info

    def named(self, model_id, user_id):
        info = get_model_info(self, model_id, user_id)
        config = self.config.get_model_config(info.model_data.model_name)
        data = info.model_data.model_copy(update={"tokenizer_id": str(config.model_path)})
        return info.model_copy(update={"model_data": data})

    TrainingController.get_model_info = named


def make_clients_of_checkpoints(app):
    """Offer what the SDK asks for in one request: a new model, of a known id, with a checkpoint in it."""

    @app.post(FROM_CHECKPOINT)
    async def from_checkpoint(request: Request):
        body, state = await request.json(), request.app.state.server_state
        user = state.get_user(request.headers.get("x-api-key", ""))
        if user is None:
            raise HTTPException(401, "Invalid API key")
        path = body["path"]
        try:
            parsed = types.ParsedCheckpointTinkerPath.from_tinker_path(path)
            metadata = CheckpointRecord.from_tinker_path(path, state.config.checkpoint_dir).metadata
        except Exception as error:
            raise HTTPException(404, f"checkpoint not found: {path}: {error}") from error
        source = state.training.training_runs.get(parsed.training_run_id)
        lora = source.lora_config() if source else lora_of(metadata)
        record = await state.create_model(
            session_id=body["session_id"],
            base_model=body.get("base_model") or metadata.base_model,
            lora_config=lora,
            model_owner=user.user_id,
            user_metadata=body.get("user_metadata"),
        )
        model_id = f"{body['session_id']}:train:{body['model_seq_id']}"
        await rename(state, record, model_id, lora)
        with_optimizer = bool(body.get("optimizer"))
        await state.load_checkpoint(
            model_id=model_id, user_id=user.user_id, path=path, optimizer=with_optimizer, seq_id=None
        )
        future = await state.future_store.create_ready_future(
            types.LoadWeightsResponse(path=path), model_id=model_id, user_id=user.user_id
        )
        return JSONResponse(future.model_dump(mode="json"), status_code=202)


def lora_of(metadata):
    return types.LoraConfig(
        rank=metadata.lora_rank,
        train_attn=metadata.train_attn,
        train_mlp=metadata.train_mlp,
        train_unembed=metadata.train_unembed,
    )


async def rename(state, record, model_id, lora):
    runs = state.training.training_runs
    await record.backend.remove_adapter(record.training_run_id)
    del runs[record.training_run_id]
    state.training._delete_training_run(record.training_run_id)
    record.training_run_id = model_id
    await record.backend.create_adapter(model_id, lora)
    runs[model_id] = record
    state.training._save_training_run(model_id)


def end_with_parent():
    """End when the process that started this one does: then nobody holds the other end of the standard input."""

    def wait():
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", action="append", required=True, metavar="NAME=DIRECTORY")
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--persist", action="store_true", help="keep sessions and runs across restarts")
    return parser.parse_args()


def main():
    given = arguments()
    logging.basicConfig(level=logging.WARNING)
    end_with_parent()
    torch.set_num_threads(1)
    on_a_cpu()
    let_in()
    honour_seeds()
    name_tokenizers()
    given.data.mkdir(parents=True, exist_ok=True)
    models = [
        ModelConfig(
            model_name=name,
            model_path=Path(directory).resolve(),
            max_model_len=2048,
            max_lora_rank=32,
            micro_batch_size=64,
        )
        for name, _, directory in (each.partition("=") for each in given.model)
    ]
    kept = {"mode": "FILE", "file_path": given.data / "state.json"}
    more = {"persistence": PersistenceConfig(**kept)} if given.persist else {}
    config = AppConfig(
        checkpoint_dir=given.data / "checkpoints",
        supported_models=models,
        authorized_users={"tml-any": "local"},
        **more,
    )
    app = create_root_app(config)
    make_clients_of_checkpoints(app)
    listener = socket.create_server(("127.0.0.1", given.port))
    server = uvicorn.Server(uvicorn.Config(Adapter(app), log_level="warning", timeout_graceful_shutdown=1))
    print(f"ready {listener.getsockname()[1]} {os.getpid()}", flush=True)  # noqa: T201  (who started it waits for this)
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
