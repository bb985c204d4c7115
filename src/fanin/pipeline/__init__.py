"""The story: source text → syntax tree → typed graph IR → facts → artefact, a file for each step.

Every command and every function of the package goes through here. Nothing up to drawing needs torch.
"""

from fanin.pipeline.artefacts import (
    batch as batch,
)
from fanin.pipeline.artefacts import (
    compare as compare,
)
from fanin.pipeline.artefacts import (
    compiled as compiled,
)
from fanin.pipeline.artefacts import (
    draw as draw,
)
from fanin.pipeline.artefacts import (
    export as export,
)
from fanin.pipeline.artefacts import (
    measure as measure,
)
from fanin.pipeline.artefacts import (
    paint as paint,
)
from fanin.pipeline.artefacts import (
    probe as probe,
)
from fanin.pipeline.artefacts import (
    show as show,
)
from fanin.pipeline.artefacts import (
    show_document as show_document,
)
from fanin.pipeline.artefacts import (
    show_training as show_training,
)
from fanin.pipeline.artefacts import (
    signal as signal,
)
from fanin.pipeline.artefacts import (
    source as source,
)
from fanin.pipeline.artefacts import (
    training_source as training_source,
)
from fanin.pipeline.checks import check as check
from fanin.pipeline.checks import check_source as check_source
from fanin.pipeline.checks import check_text as check_text
from fanin.pipeline.files import (
    entries as entries,
)
from fanin.pipeline.files import (
    format_text as format_text,
)
from fanin.pipeline.files import (
    load as load,
)
from fanin.pipeline.files import (
    models as models,
)
from fanin.pipeline.files import (
    standard_library as standard_library,
)
from fanin.pipeline.graphs import (
    elaborate as elaborate,
)
from fanin.pipeline.graphs import (
    elaborate_source as elaborate_source,
)
from fanin.pipeline.graphs import (
    plan_pruning as plan_pruning,
)
from fanin.pipeline.graphs import (
    recipe as recipe,
)
from fanin.pipeline.graphs import (
    training as training,
)
from fanin.pipeline.repairing import repair as repair
from fanin.pipeline.repairing import roles as roles
from fanin.pipeline.runs import (
    prune as prune,
)
from fanin.pipeline.runs import (
    prune_weights as prune_weights,
)
from fanin.pipeline.runs import (
    resume as resume,
)
from fanin.pipeline.runs import (
    run_folder as run_folder,
)
from fanin.pipeline.runs import (
    search as search,
)
from fanin.pipeline.runs import (
    smoke as smoke,
)
from fanin.pipeline.runs import (
    stepper as stepper,
)
from fanin.pipeline.runs import (
    train as train,
)
from fanin.pipeline.shrinking import Smaller as Smaller
from fanin.pipeline.shrinking import couple as couple
from fanin.pipeline.shrinking import shrink as shrink
from fanin.pipeline.shrinking import smaller_spec as smaller_spec
