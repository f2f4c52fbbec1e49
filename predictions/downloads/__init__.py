"""The ledger as files: CSV and Parquet of any number of rows, in bounded memory.

`tables` says which columns there are, `walking` reads them chunk by chunk, `csv_encoding` and
`parquet_encoding` write them, `streaming` sends them. Read by REST's lists and by the admin.
"""
