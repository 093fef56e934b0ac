"""Where the workflow's files lie: the pattern of each path, stated once for the rules and for the plan.

``<results>``, ``<resources>`` and ``<logs>`` are Snakemake's pathvars, folders of those names unless a user
says otherwise. The first folders of a log name the stage of its job (:mod:`ckptrank.workflow.stages`).
"""

SOURCE = "<resources>/sources/{data}"
PRETRAINED = "<resources>/pretrained/{run}"
TASK = "<resources>/tasks/{task}"
CHECKPOINT = "<resources>/checkpoints/{checkpoint}"
IMAGES = "<resources>/images/{task}/{checkpoint}/both"
TRAINING_IMAGES = "<resources>/images/{task}/{checkpoint}/training"

FEATURES = "<results>/features/{task}/{checkpoint}.h5"
TRAINING_FEATURES = "<results>/training_features/{task}/{checkpoint}.h5"
SAMPLE_FEATURES = "<results>/rank/features/{samples}/{task}/{checkpoint}.h5"
REFERENCE = "<results>/references/{task}.h5"

SWEEP = "<results>/finetune/{task}/{checkpoint}/{rates}.json"
GROUND_TRUTH = "<results>/ground_truth/{task}/{checkpoint}.json"
TUNED_WEIGHTS = "<results>/ground_truth/{task}/{checkpoint}.safetensors"
TUNED = "<results>/recipes/{recipe}/{task}/{checkpoint}.json"

SCORES = "<results>/scores/{job}/{task}/{checkpoint}.json"
GATHERED = "<results>/gathered/{task}/{checkpoint}"
EVALUATION = "<results>/evaluation/{table}.csv"
NLEEP_GRID = "<results>/nleep_grid/{table}.csv"

RANK_SCORES = "<results>/rank/scores/{samples}/{job}/{task}/{checkpoint}.json"
RUNNING = "<results>/running/{checkpoint}.json"
DETECTOR_RUNNING = "<results>/rank/{task}/detectors/{checkpoint}.json"
TWINS = "<results>/rank/{task}/twins.json"
KEPT = "<results>/rank/{task}/kept_after_{samples}.json"
ORDER = "<results>/rank/{task}/order.csv"
RANKING = "<results>/rank/{task}/ranking.csv"
RANK_DETAILS = "<results>/rank/{task}/scores.csv"
WHY = "<results>/rank/{task}/why.json"
RANK_FACTS = "<results>/rank/{task}/facts.json"
RANKING_JSON = "<results>/rank/{task}/ranking.json"

MODEL_ZOO_SCORES = "<results>/model_zoo/scores/{cap}/{job}/{task}.json"
MODEL_ZOO_MATRICES = "<results>/model_zoo/feature_correlation.npz"
MODEL_ZOO = "<results>/model_zoo/{table}.csv"

OBJECT_FEATURES = "<results>/detection/features/{task}/{checkpoint}.h5"
DETECTOR_SWEEP = "<results>/detection/finetune/{task}/{checkpoint}/{detector_rates}.json"
DETECTOR = "<results>/detection/ground_truth/{task}/{checkpoint}.json"
DETECTOR_STOPPED_EARLY = "<results>/detection/early_stopped/{task}/{checkpoint}.json"
DETECTION_SCORES = "<results>/detection/scores/{view}/{job}/{task}.json"
# Empty files that connect jobs which travel together on a cluster: of a pair, and of a task.
GATHERED_VIEWS = "<results>/detection/gathered/{task}/{checkpoint}"
GATHERED_DETECTION_SCORES = "<results>/detection/gathered/{task}.scores"
DETECTION = "<results>/detection/{table}.csv"
