"""Arrays in, arrays out: no torch, no files. Points are (row, col), pixel centres at integers."""
