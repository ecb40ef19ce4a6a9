"""Makes labelled synthetic talking faces and datasets of them."""
