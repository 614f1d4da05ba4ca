"""Rule train: train a built-in network and keep its best weights."""

from edgeint8.files import write_csv
from edgeint8.models.data.datasets import load_dataset
from edgeint8.models.export import save_weights
from edgeint8.models.networks.registry import build_model
from edgeint8.models.training import TrainingOptions, log_rows, train_model
from edgeint8.study.job import job

with job(snakemake):
    options, seed = snakemake.params.options, snakemake.params.seed
    model = build_model(options["model"], seed)
    training = TrainingOptions(
        epochs=options["epochs"],
        learning_rate=options["learning_rate"],
        batch_size=options["batch_size"],
        label_smoothing=options["label_smoothing"],
        augment=options["augment"],
        crop=options["crop"],
        whole_epochs=options["whole_epochs"],
        precision=options["precision"],
        seed=seed,
    )
    log = train_model(model, load_dataset(snakemake.input.dataset), training)
    write_csv(snakemake.output.training_log, log_rows(log))
    save_weights(model, snakemake.output.weights)
