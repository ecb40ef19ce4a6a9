"""From a clip to what models see of it: tracked faces, cut into windows, measured by the tells."""
