module attenuate.invalid/attenuate

go 1.21
