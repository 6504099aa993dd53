"""What speech needs beside a provider: voices, checks, encoders and decoders."""
