-- Generated images, so that a repeated request returns the same image. With many images, store the
-- files in Supabase Storage, and only their paths here.
create table if not exists public.generated_images (
    user_id uuid not null references auth.users (id) on delete cascade,
    id uuid not null,
    chat_id uuid not null,
    prompt text not null,
    mode text,
    png_base64 text not null,
    created_at timestamptz not null default now(),
    primary key (user_id, id)
);

-- For the server only: image-generate returns an image only after it is counted. Supabase's default
-- privileges would grant more.
alter table public.generated_images enable row level security;
revoke all on public.generated_images from anon, authenticated;

notify pgrst, 'reload schema';
