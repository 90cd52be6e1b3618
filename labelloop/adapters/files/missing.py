"""What to run when a file of the home is not there."""

PREPARE = "Run the job prepare_pool first."

# By kind of small record.
FIRST = {
    "batches": "Run the job next_batch for {name} first.",
    "carried": "send_relabel writes it when it draws what is known in the tasks of {name}.",
    "prefilled": "Set annotation.prefill: model and run the job next_batch for {name} first.",
    "tasks": "Run the job next_batch for {name} (send_holdout for the hold-out) first.",
    "cuts": "Run the job next_batch for {name} (send_holdout for the hold-out) first.",
    "backups": "`labelloop repush` and `restore` write it before they change a task: {name}.",
    "rewriting": "`labelloop repush` and `restore` write it while they change a task: {name}.",
    "restored": "`labelloop restore` writes it when it changes a task: {name}.",
    "drawings": "`labelloop rebuild` and `labelloop reset` write it while they need it.",
    "duplicates": PREPARE,
    "pulled": PREPARE,
    "splits": PREPARE,
    "labels": "Annotate the tasks of {name} in CVAT, then run label_loop (take_holdout for the hold-out).",
    "verdicts": "Materialise annotated_batch of {name} with its checks first: job label_loop or take_batch.",
    "models": "Run the job label_loop for {name} first.",
    "reports": "Run the job label_loop for {name} first.",
    "pool_predictions": "failure_mined_batch of {name}, or the next batch, makes them when its strategy needs them.",
    "final": "Run the job final_evaluation for {name} first.",
    "selections": "Run the job label_loop for the iteration before {name} first.",
}
