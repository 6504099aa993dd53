"""HTTP: who may ask, what was asked, how it is answered."""
